/**
 * What certbot's, lego's and acme.sh's words are called here, for a person who types them by habit. Longer lists, with
 * what works differently, are in docs/guides/coming-from-certbot.md.
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

/** What to write instead of an unknown command or flag of another client; undefined where it is none of theirs. */
export const wordHere = (typed: string): string | undefined => (Object.hasOwn(words, typed) ? words[typed] : undefined);
