/**
 * Commands and flags of certbot, lego and acme.sh, and what to use instead, for people who type them out of habit.
 * docs/guides/coming-from-certbot.md has longer lists, and says what works differently.
 */
const words: Readonly<Record<string, string>> = {
  certonly: '`certfleet issue -d NAME`',
  run: '`certfleet issue -d NAME`',
  obtain: '`certfleet issue -d NAME`',
  certificates: '`certfleet status`',
  list: '`certfleet status`',
  plugins: '`certfleet providers`',
  '--remove': '`certfleet delete NAME`',
  '--issue': '`certfleet issue -d NAME`',
  '--renew': '`certfleet renew`',
  '-m': '`--email`',
  '--server': '`--issuer`',
  '-s': '`--issuer`',
  '--accept-tos': '`--agree-tos`',
  '--cert-name': '`--name`',
  '--test-cert': '`--staging`',
  '--test': '`--staging`',
  '--preferred-profile': '`--profile`',
  '--standalone': '`--http standalone`',
  '--http.port': '`--http standalone:ADDRESS:PORT`',
  '--webroot': '`--http webroot:FOLDER`',
  '--webroot-path': '`--http webroot:FOLDER`',
  '--http.webroot': '`--http webroot:FOLDER`',
  '-w': '`--http webroot:FOLDER`',
  '--manual': 'a solver of type `command`',
  '--manual-auth-hook': 'a solver of type `command`',
  '--manual-cleanup-hook': 'a solver of type `command`',
  '--dns.resolvers': '`--resolver`',
  '--dns-rfc2136': '`--dns rfc2136`',
  '--nginx': 'a deployer of type `nginx`',
  '--deploy-hook': 'a deployer of type `command`',
  '--renew-hook': 'a deployer of type `command`',
  '--post-hook': 'a deployer of type `command`',
  '--reloadcmd': 'a deployer of type `command`',
  '--force-renewal': '`--force`',
  '--force-renew': '`--force`',
  '--config-dir': '`--store`',
  '--path': '`--store`',
};

/** What to write instead of another client's command or flag; undefined for an unknown word. */
export const wordHere = (typed: string): string | undefined => (Object.hasOwn(words, typed) ? words[typed] : undefined);
