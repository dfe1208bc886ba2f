/** Returns the user that this process opens files as, or 0 if the system has no users. */
export const effectiveUid = (): number => process.geteuid?.() ?? 0;

/** Reports whether a file or a process of this user can be trusted like this process's own. */
export const isTrusted = (uid: number): boolean => uid === 0 || uid === effectiveUid();
