/** What `certfleet config example` prints; `config check` accepts it (tested). */
export const exampleText = `# certfleet.yaml: which certificates are wanted, from whom, and where they go.
# Check it with: certfleet config check --config certfleet.yaml

# Where state, keys and certificates are kept.
store: { type: file, path: /var/lib/certfleet }

# The CAs. Short names are letsencrypt, letsencrypt-staging and others; anything else is a directory URL.
issuers:
  letsencrypt:
    directory: letsencrypt
    email: ops@example.com
    agreeToTerms: true            # after reading https://letsencrypt.org/repository/

# How a CA is shown that the names are yours.
solvers:
  # certfleet listens on port 80 itself, only while it is asked.
  web: { type: http01-responder, listen: "0.0.0.0:80" }
  # A web server is there already: give it files instead.
  # webroot: { type: http01-webroot, folders: [/var/www/html] }
  # Wildcards need DNS. Secrets are file:/path (mode 0600) or env:NAME.
  dns:
    type: dns01
    provider: rfc2136
    options: { server: "ns1.example.com:53", keyName: acme, secret: "file:/etc/certfleet/tsig" }

# Where certificates go.
deployers:
  files: { type: files, path: /etc/certfleet/certs }
  # edge: { type: haproxy, socket: /run/haproxy/admin.sock, certificates: /etc/haproxy/certs }

certificates:
  - name: www
    identifiers: [www.example.com]
    issuer: letsencrypt
    solver: web
    deploy: [files]
    # endpoints: ["www.example.com:443"]   # looked at over TLS after a deployment
  - name: wildcard
    identifiers: [example.com, "*.example.com"]
    issuer: letsencrypt
    solver: dns
    deploy: [files]

# preflight: { resolvers: ["1.1.1.1:53"], http01Port: 80 }
# shutdownBudget: 8s
# leaseTtl: 60s
# deployTimeout: 2m
`;
