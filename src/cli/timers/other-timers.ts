import type { DefaultPaths } from '../../config/defaults.ts';
import type { Files } from '../../ports/files.ts';
import { filesAt, namesIn } from './files-at.ts';

/** What starts another client regularly. */
export interface OtherTimer {
  /** The crontab, or the timer of systemd. */
  readonly where: string;
  /** What to do so that it does not start the client any more. */
  readonly advice: string;
}

/** By client: the lines of a crontab that renew, and the names of timers. */
const schedules: Readonly<Record<string, { readonly line: RegExp; readonly timer: RegExp }>> = {
  certbot: { line: /\b(certbot|certbot-auto|letsencrypt)\b.*\brenew\b/, timer: /certbot.*\.timer$/ },
  'acme.sh': { line: /\bacme\.sh\b.*\s--cron\b/, timer: /^acme.*\.timer$/ },
  lego: { line: /\blego\b.*\b(renew|run)\b/, timer: /^lego.*\.timer$/ },
  dehydrated: { line: /\bdehydrated\b.*\s(-c|--cron)\b/, timer: /^dehydrated.*\.timer$/ },
  uacme: { line: /\buacme\b.*\bissue\b/, timer: /^uacme.*\.timer$/ },
};

/**
 * What still starts a client on this machine, as far as this user may read it.
 *
 * @param folder where the client keeps its files, if that is not its usual place: only what names it counts
 */
export async function timersOf(
  client: string,
  files: Files,
  paths: Pick<DefaultPaths, 'timers' | 'crontabs'>,
  folder?: string,
): Promise<readonly OtherTimer[]> {
  const schedule = Object.hasOwn(schedules, client) ? schedules[client] : undefined;
  if (!schedule) return [];
  const timers = (await namesIn(files, paths.timers)).filter((name) => schedule.timer.test(name));
  const renews = (line: string) => schedule.line.test(line) && (folder === undefined || line.includes(folder));
  const found: OtherTimer[] = (folder === undefined ? timers : []).map((name) => ({
    where: name,
    advice: `systemctl disable --now ${name}`,
  }));
  for (const path of paths.crontabs)
    for (const { path: where, text } of await filesAt(files, path)) {
      const lines = text.split('\n').filter((line) => !/^\s*#/.test(line) && renews(line));
      // Debian's line does nothing where systemd runs, and so where there is a timer.
      const acts = lines.filter((line) => timers.length === 0 || !line.includes('/run/systemd/system'));
      if (acts.length > 0) found.push({ where, advice: `remove the line that runs ${client} from it` });
    }
  return found;
}
