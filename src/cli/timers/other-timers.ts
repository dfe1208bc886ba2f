import type { DefaultPaths } from '../../config/settings/defaults.ts';
import type { Files } from '../../ports/files.ts';
import { filesAt, namesIn } from './files-at.ts';

/** A timer that starts another client. */
export interface OtherTimer {
  /** The crontab, or the systemd timer. */
  readonly where: string;
  /** How to stop the timer from starting the client. */
  readonly advice: string;
}

/** The crontab lines that renew, and the names of timers, by client. */
const schedules: Readonly<Record<string, { readonly line: RegExp; readonly timer: RegExp }>> = {
  certbot: { line: /\b(certbot|certbot-auto|letsencrypt)\b.*\brenew\b/, timer: /certbot.*\.timer$/ },
  'acme.sh': { line: /\bacme\.sh\b.*\s--cron\b/, timer: /^acme.*\.timer$/ },
  lego: { line: /\blego\b.*\b(renew|run)\b/, timer: /^lego.*\.timer$/ },
  dehydrated: { line: /\bdehydrated\b.*\s(-c|--cron)\b/, timer: /^dehydrated.*\.timer$/ },
  uacme: { line: /\buacme\b.*\bissue\b/, timer: /^uacme.*\.timer$/ },
};

/**
 * Returns the timers that still start a client on this machine, as far as this user may read them.
 *
 * @param folder where the client keeps its files, if not in its usual place: then only timers that name the folder
 * count
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
      // Debian's crontab line does nothing under systemd, where a timer replaces it.
      const acts = lines.filter((line) => timers.length === 0 || !line.includes('/run/systemd/system'));
      if (acts.length > 0) found.push({ where, advice: `remove the line that runs ${client} from it` });
    }
  return found;
}
