import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { header, table } from '../render.ts';
import { harmless } from '../terminal-text.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command).action(async (flags: AppFlags) => {
    const app = await session.app(flags);
    const api = await session.api();
    const domains = await api.list('GET /apps/{app}/domains', { params: { app } });
    if (session.json) return session.printJson(domains);
    const { style } = session;
    const label = style.app(harmless(app));
    const own = domains.filter(({ kind }) => kind === 'heroku').map(({ hostname }) => harmless(hostname));
    const custom = domains.filter(({ kind }) => kind === 'custom');
    const parts: string[] = [];
    if (own.length > 0) parts.push(`${header(style, `${label} Platform Domain`)}\n\n${own.join('\n')}`);
    if (custom.length > 0) {
      const rows = custom.map(({ hostname, cname }) => [hostname, recordType(hostname), cname]);
      const columns = ['Domain Name', 'DNS Record Type', 'DNS Target'];
      parts.push(`${header(style, `${label} Custom Domains`)}\n\n${table(columns, rows)}`);
    }
    session.print(parts.join('\n\n'));
  });
  examples(command, [['paas domains'], ['paas domains:add www.example.com']]);
};

/** A name directly below a public suffix cannot be a CNAME (RFC 1034 §3.6.2). Assumes that the suffix is one label. */
function recordType(hostname: string): string {
  return hostname.split('.').length === 2 ? 'ALIAS or ANAME' : 'CNAME';
}

export default define;
