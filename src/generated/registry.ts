// Made by `npm run gen` from src/{dns,solvers,balancers,deployers,stores}/*.ts. Do not edit.
import type { Registry } from '../config/registry.ts';

export const registry: Registry = {
  dns: {
    "rfc2136": {
      id: "rfc2136",
      title: "RFC 2136 dynamic update (BIND, Knot, PowerDNS…)",
      since: "0.1.0",
      homepage: "https://www.rfc-editor.org/rfc/rfc2136",
      options: [
        {"name":"server","title":"The primary server that accepts updates, as host or host:port","secret":false,"required":true},
        {"name":"keyName","title":"Name of the TSIG key, as the server knows it","secret":false,"required":true},
        {"name":"secret","title":"The TSIG secret, base64","secret":true,"required":true},
        {"name":"algorithm","title":"Algorithm of the TSIG key","secret":false,"required":false},
        {"name":"ttl","title":"TTL of the TXT record, in seconds","secret":false,"required":false},
        {"name":"transport","title":"TCP, or UDP with TCP for answers that are too long","secret":false,"required":false},
      ],
      load: async () => (await import('../dns/rfc2136.ts')).default,
    },
  },
  solver: {
    "command": {
      id: "command",
      title: "Command (certbot hooks)",
      since: "0.1.0",
      homepage: "https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks",
      options: [
        {"name":"present","title":"Makes the challenge answerable","secret":false,"required":true},
        {"name":"cleanup","title":"Removes it again","secret":false,"required":false},
        {"name":"challenge","title":"The challenge that the hooks answer","secret":false,"required":false},
        {"name":"env","title":"More environment variables for the hooks","secret":false,"required":false},
        {"name":"passEnvironment","title":"Names of more variables of certfleet’s own environment to pass on","secret":false,"required":false},
        {"name":"timeout","title":"How long a hook may run","secret":false,"required":false},
        {"name":"maxConcurrent","title":"How many hooks may run at once","secret":false,"required":false},
      ],
      load: async () => (await import('../solvers/command.ts')).default,
    },
    "http01-responder": {
      id: "http01-responder",
      title: "HTTP-01 responder",
      since: "0.1.0",
      options: [
        {"name":"listen","title":"Address and port to listen on","secret":false,"required":false},
        {"name":"shared","title":"Write each token into the store, so that responders on other nodes answer too","secret":false,"required":false},
      ],
      load: async () => (await import('../solvers/http01-responder.ts')).default,
    },
    "http01-webroot": {
      id: "http01-webroot",
      title: "HTTP-01 webroot",
      since: "0.1.0",
      options: [
        {"name":"folders","title":"Folder or folders that the web server serves","secret":false,"required":true},
      ],
      load: async () => (await import('../solvers/http01-webroot.ts')).default,
    },
  },
  balancer: {
    "alibaba-clb": {
      id: "alibaba-clb",
      title: "Alibaba Cloud CLB (Classic Load Balancer, formerly SLB)",
      since: "0.1.0",
      homepage: "https://www.alibabacloud.com/product/server-load-balancer",
      options: [
        {"name":"region","title":"Region of the load balancer","secret":false,"required":true},
        {"name":"loadBalancer","title":"Id of the load balancer","secret":false,"required":true},
        {"name":"listenerPort","title":"Port of the HTTP listener that the CA’s requests reach","secret":false,"required":false},
        {"name":"backend","title":"The server that the responder runs on, and its port","secret":false,"required":false},
        {"name":"accessKeyId","title":"AccessKey ID","secret":true,"required":false},
        {"name":"accessKeySecret","title":"AccessKey secret","secret":true,"required":false},
        {"name":"securityToken","title":"Security token, for temporary keys (STS)","secret":true,"required":false},
        {"name":"ruleQuota","title":"How many rules a listener may have: raise it together with the quota of your account","secret":false,"required":false},
        {"name":"endpoint","title":"Endpoint of the API, if not the region’s","secret":false,"required":false},
      ],
      load: async () => (await import('../balancers/alibaba-clb.ts')).default,
    },
  },
  deployer: {
    "command": {
      id: "command",
      title: "Command (certbot’s deploy hook)",
      since: "0.1.0",
      homepage: "https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates",
      options: [
        {"name":"run","title":"Shell command, or program and arguments","secret":false,"required":true},
        {"name":"env","title":"More environment variables for it","secret":false,"required":false},
        {"name":"passEnvironment","title":"Names of more variables of certfleet’s own environment to pass on","secret":false,"required":false},
        {"name":"timeout","title":"How long it may take","secret":false,"required":false},
        {"name":"path","title":"Root folder of the files that the command gets; by default deployed/<deployer> in the store’s folder","secret":false,"required":false},
      ],
      load: async () => (await import('../deployers/command.ts')).default,
    },
    "files": {
      id: "files",
      title: "Files (certbot’s layout)",
      since: "0.1.0",
      options: [
        {"name":"path","title":"Root folder; `live/` and `archive/` are created in it","secret":false,"required":true},
        {"name":"owner","title":"Owner of the files: a user name or number","secret":false,"required":false},
        {"name":"group","title":"Group of the files: a name or number","secret":false,"required":false},
        {"name":"mode","title":"Mode of the private key; certificates are 0644","secret":false,"required":false},
        {"name":"haproxyBundle","title":"Also write haproxy.pem: chain and key in one file, with the key’s mode","secret":false,"required":false},
      ],
      load: async () => (await import('../deployers/files.ts')).default,
    },
    "haproxy": {
      id: "haproxy",
      title: "HAProxy",
      since: "0.1.0",
      homepage: "https://docs.haproxy.org/3.0/management.html#9.3-set%20ssl%20cert",
      options: [
        {"name":"socket","title":"Admin socket: a path, or host:port","secret":false,"required":true},
        {"name":"certificates","title":"Folder of the PEM files, written as in HAProxy’s configuration","secret":false,"required":true},
        {"name":"crtList","title":"crt-list file, if the bind line names one","secret":false,"required":false},
      ],
      load: async () => (await import('../deployers/haproxy.ts')).default,
    },
    "nginx": {
      id: "nginx",
      title: "nginx",
      since: "0.1.0",
      homepage: "https://nginx.org/en/docs/control.html",
      options: [
        {"name":"path","title":"Root folder; `live/` and `archive/` are created in it","secret":false,"required":true},
        {"name":"test","title":"Program and arguments that test the configuration","secret":false,"required":false},
        {"name":"reload","title":"Program and arguments that reload it","secret":false,"required":false},
        {"name":"passEnvironment","title":"Names of more variables of certfleet’s own environment to pass on","secret":false,"required":false},
      ],
      load: async () => (await import('../deployers/nginx.ts')).default,
    },
  },
  store: {
    "file": {
      id: "file",
      title: "Files in a folder",
      since: "0.1.0",
      options: [
        {"name":"path","title":"The folder; created with mode 0700 if it does not exist","secret":false,"required":true},
      ],
      load: async () => (await import('../stores/file.ts')).default,
    },
    "memory": {
      id: "memory",
      title: "Memory (stores nothing)",
      since: "0.1.0",
      options: [],
      load: async () => (await import('../stores/memory.ts')).default,
    },
  },
};
