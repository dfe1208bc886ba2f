import { type CertbotOption, certbotOptions, certbotVerbs } from '../src/migrate/certbot/flag-table.ts';
import { code, table } from './markdown.ts';

/** docs/reference/certbot.md: certbot's commands and options, from the table that reads them. */
export const certbotPage = (madeBy: string): string => `${madeBy}
# certbot’s commands and options

What \`certfleet certbot …\` makes of a command line of certbot, and \`certfleet import certbot\` of its files. See
[Start anew beside certbot, and use its commands](../guides/coming-from-certbot.md).

${table(
  ['command', 'in certfleet’s own words'],
  Object.entries(certbotVerbs).map(([verb, { instead, refused }]) => [
    code(verb),
    refused ? `refused: ${plain(instead)}` : plain(instead),
  ]),
)}

An option may stand in \`cli.ini\`, too. The third column names its keys in \`renewal/NAME.conf\`, if they decide how a
certificate is renewed; for these, \`cli.ini\` comes first, as with certbot. The options of DNS plugins are those of the
[DNS providers](dns-providers.md): \`--dns-NAME\`, \`--dns-NAME-credentials FILE\`, \`--dns-NAME-propagation-seconds N\` and
\`--dns-NAME-OPTION VALUE\`.

${table(
  ['option', 'in certfleet’s own words', 'renewal file'],
  certbotOptions().map((option) => [
    option.flags.split(' ').map(code).join(', '),
    meaningOf(option),
    option.renews === undefined ? '' : (option.keys ?? '').split(' ').map(code).join(', '),
  ]),
)}
`;

/** \`use X instead\` is X. */
const plain = (instead: string): string => instead.replace(/^use (.*?),? instead$/, '$1');

function meaningOf({ flags, same, own = same && code(same), why, refused }: CertbotOption): string {
  if (refused) return `refused: ${why}`;
  return [own === code(flags) ? 'as it stands' : own, why].filter((text) => text !== undefined).join('; ');
}
