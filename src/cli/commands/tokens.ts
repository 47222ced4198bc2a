import type { Answer } from '../client.ts';
import { type DefineCommand, examples } from '../command.ts';
import { header, table } from '../render.ts';
import { timeAgo, timestamp } from '../time.ts';

type Authorization = Answer<'GET /oauth/authorizations'>[number];

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const api = await session.api();
    const tokens = await api.call('GET /oauth/authorizations');
    if (session.json) return session.printJson(tokens);
    const now = session.io.now();
    const ago = (moment: string | null) => (moment === null ? 'never' : timeAgo(new Date(moment), now));
    const rows = tokens.map((token) => [
      token.prefix,
      token.description,
      token.scope.join(', '),
      ago(token.created_at),
      ago(token.last_used_at),
      expiry(token, now),
    ]);
    session.print(`${header(session.style, 'Tokens')}\n`);
    session.print(table(['Token', 'Description', 'Scope', 'Created', 'Last Used', 'Expires'], rows));
  });
  examples(command, [['paas tokens'], ['paas tokens:revoke pp_4fQz1a', 'the start of a token is its name']]);
};

function expiry({ expires_at }: Authorization, now: Date): string {
  if (expires_at === null) return 'never';
  const at = new Date(expires_at);
  return at <= now ? 'expired' : timestamp(at);
}

export default define;
