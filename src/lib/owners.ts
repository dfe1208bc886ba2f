/** The user as whom this process opens files; 0 where the system has no users. */
export const effectiveUid = (): number => process.geteuid?.() ?? 0;

/** Whether a file or a process of this user is as good as our own. */
export const isTrusted = (uid: number): boolean => uid === 0 || uid === effectiveUid();
