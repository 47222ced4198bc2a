/** A name of an app, or a hostname, that is promised to an account. App names have no dot, so the two cannot be mixed up. */
export interface PromisedName {
  readonly name: string;
  /** `kept`: its app was destroyed or renamed, or the hostname removed. `allowed`: by an administrator. */
  readonly state: 'kept' | 'allowed';
  readonly accountId: string;
  /** Since when. */
  readonly createdAt: Date;
}

/** Names of the platform's own hostnames under its domain, and `constructor`, which every JavaScript object has as a property. */
const ownNames: ReadonlySet<string> = new Set(['api', 'git', 'dashboard', 'localhost', 'paas', 'constructor']);

/**
 * Names whose hostnames other programs or people look for by themselves, so that whoever has one gets their traffic or
 * their trust. Written without hyphens, which do not count: `mta-sts`, `no-reply`.
 */
const soughtNames: ReadonlySet<string> = new Set([
  // Programs ask for these below the domain they are in: proxies, tunnels, time, directories, settings of mail clients.
  ...['wpad', 'isatap', 'autoconfig', 'autodiscover', 'autodiscoverredirect', 'enterpriseregistration'],
  ...['enterpriseenrollment', 'lyncdiscover', 'lyncdiscoverinternal', 'msoid', 'sipexternal', 'sipinternal'],
  ...['mtasts', 'openpgpkey', 'bimi', 'dmarc', 'domainkey', 'dkim', 'spf', 'acme', 'acmechallenge', 'wellknown'],
  ...['domainconnect', 'caldav', 'caldavs', 'carddav', 'carddavs', 'broadcasthost', 'localdomain', 'local', 'loopback'],
  ...['internal', 'intranet', 'ldap', 'kerberos', 'kdc', 'nat64', 'ipv4only', 'captive', 'captiveportal'],
  // Mailboxes of RFC 2142, and those by which certificate authorities know a domain's owner.
  ...[
    'info',
    'marketing',
    'sales',
    'support',
    'abuse',
    'noc',
    'security',
    'postmaster',
    'hostmaster',
    'usenet',
    'news',
  ],
  ...['webmaster', 'www', 'uucp', 'ftp', 'admin', 'administrator', 'ssladmin', 'ssladministrator', 'sslwebmaster'],
  ...['sysadmin', 'root', 'mailerdaemon', 'noreply', 'nobody'],
  // Mail, names and other services that a domain has one of.
  ...['mail', 'email', 'webmail', 'smtp', 'smtps', 'submission', 'imap', 'imaps', 'pop', 'pops', 'mx', 'mta', 'relay'],
  ...['exchange', 'owa', 'lists', 'newsletter', 'ns', 'dns', 'nameserver', 'resolver', 'whois', 'rdap', 'sftp', 'ftps'],
  ...['ssh', 'vpn', 'proxy', 'socks', 'gateway', 'router', 'firewall', 'ntp', 'time', 'sip', 'stun', 'xmpp'],
  ...['jabber', 'irc', 'nntp', 'snmp', 'syslog', 'rsync', 'tftp', 'webdav'],
  // Where people type a password, or believe that the operator speaks.
  ...['login', 'logon', 'logout', 'signin', 'signon', 'signup', 'signout', 'register', 'registration', 'auth', 'oauth'],
  ...[
    'oidc',
    'openid',
    'saml',
    'sso',
    'mfa',
    'otp',
    'idp',
    'id',
    'identity',
    'account',
    'accounts',
    'myaccount',
    'profile',
  ],
  ...['user', 'users', 'password', 'passwords', 'passwd', 'session', 'sessions', 'token', 'tokens', 'verify', 'secure'],
  ...['ssl', 'tls', 'cert', 'certs', 'certificate', 'certificates', 'pki', 'ca', 'crl', 'ocsp', 'vault', 'secrets'],
  ...[
    'billing',
    'invoice',
    'invoices',
    'pay',
    'payment',
    'payments',
    'checkout',
    'help',
    'helpdesk',
    'legal',
    'privacy',
  ],
  ...['terms', 'official', 'staff', 'operator', 'moderator'],
  // The operator's own: what a platform like this one shows or will show there.
  ...['status', 'health', 'healthz', 'metrics', 'monitor', 'monitoring', 'grafana', 'prometheus', 'registry', 'docker'],
  ...['console', 'control', 'controlpanel', 'cpanel', 'whm', 'panel', 'portal', 'manage', 'management', 'manager'],
  ...['settings', 'setup', 'install', 'ops', 'system', 'platform', 'cloud', 'cluster', 'orchestrator', 'launcher'],
  ...['webhook', 'webhooks', 'buildpack', 'buildpacks', 'dyno', 'heroku'],
]);

/** Of these a domain often has several: `ns1`, `mx2`, `www3`. */
const numberedNames =
  /^(?:ns|dns|mx|mta|mail|smtp|imap|pop|www|ftp|vpn|relay|ntp|proxy|vip|sso|id|auth|oauth|login|admin)\d{1,4}$/;

/**
 * Who may have an app of this name. `nobody`: it is the platform's. `allowed`: whom an administrator has allowed it, because
 * of `why`. `anybody` else.
 */
export type NameRule =
  | { readonly for: 'nobody' }
  | { readonly for: 'anybody' }
  | { readonly for: 'allowed'; readonly why: 'sought' | 'international' };

export function nameRule(name: string): NameRule {
  if (ownNames.has(name)) return { for: 'nobody' };
  if (isInternational(name)) return { for: 'allowed', why: 'international' };
  const plain = name.replaceAll('-', '');
  if (soughtNames.has(plain) || numberedNames.test(plain)) return { for: 'allowed', why: 'sought' };
  return { for: 'anybody' };
}

/** Whether a label stands for one in other letters (RFC 5890 §2.3.2.1). Browsers may show it like another name. */
export function isInternational(label: string): boolean {
  return label.startsWith('xn--');
}

/** The first moment at which others may take a name that was given up then. */
export function keptUntil({ createdAt }: Pick<PromisedName, 'createdAt'>, keepMs: number): Date {
  return new Date(createdAt.getTime() + keepMs);
}
