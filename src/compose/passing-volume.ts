/**
 * Describes the volume of a folder if the volume is removed with the container: an anonymous one of docker, which
 * `docker run --rm` removes, or an `emptyDir` of Kubernetes. Returns undefined for other folders.
 *
 * @param mounts the text of /proc/self/mountinfo (proc(5)), where the fourth field is the mounted folder, and the fifth
 * is the mount point
 */
export function passingVolume(mounts: string, folder: string): string | undefined {
  let found = { at: '', source: '' };
  for (const line of mounts.split('\n')) {
    const [, , , source, at] = line.split(' ').map(unescaped);
    if (source === undefined || at === undefined) continue;
    // The last mount on a path hides earlier ones.
    const holds = folder === at || folder.startsWith(at.endsWith('/') ? at : `${at}/`);
    if (holds && at.length >= found.at.length) found = { at, source };
  }
  if (/\/volumes\/[0-9a-f]{64}\/_data$/.test(found.source)) return 'an anonymous volume';
  return found.source.includes('/volumes/kubernetes.io~empty-dir/') ? 'an emptyDir' : undefined;
}

/** Decodes octal escapes: a space in a path is `\040`. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
