import { STATUS_CODES } from '../system/node-http.ts';
import type { HCode } from './h-codes.ts';

/** What a page says. `code` is null where Heroku has none: an unknown hostname, too many requests of one client. */
export interface PageFacts {
  readonly status: number;
  readonly code: HCode | null;
  readonly title: string;
  readonly text: string;
  readonly requestId: string | null;
  /** When the same request may be answered, in seconds (RFC 9110 §10.2.3). Absent when that is not known. */
  readonly retryAfterS?: number | undefined;
}

export interface Page {
  readonly contentType: string;
  readonly body: Buffer;
}

/** Text for the app's visitors. Its owner reads the log, which has the same request id and the code. */
export function explain(code: HCode): Pick<PageFacts, 'title' | 'text'> {
  switch (code) {
    case 'H10':
      return { title: 'This app has crashed', text: 'It is being started again. If you own it, see: paas logs' };
    case 'H11':
      return { title: 'This app is too busy', text: 'Too many requests are waiting for it. Try again in a moment.' };
    case 'H12':
      return { title: 'This app did not answer in time', text: 'It took too long over this request.' };
    case 'H14':
      return { title: 'This app is not running', text: 'If you own it, start it with: paas ps:scale web=1' };
    case 'H20':
      return { title: 'This app is still starting', text: 'Try again in a moment.' };
    case 'H22':
      return {
        title: 'This app is too busy',
        text: 'Too many requests are being answered already. Try again in a moment.',
      };
    case 'H25':
      return { title: 'Request too large', text: 'Its headers are larger than 16 KB; cookies are the usual reason.' };
    case 'H26':
      return { title: 'Bad request', text: 'This request cannot be passed on.' };
    case 'H80':
      return { title: 'Down for maintenance', text: 'This app will be back soon.' };
    case 'H81':
      return { title: 'Nothing is deployed here yet', text: 'If you own this app, push to it: git push paas main' };
    case 'H99':
      return { title: 'The platform is not available', text: 'It is being restarted. Try again in a moment.' };
    default:
      return { title: 'Application error', text: 'This app could not serve the page. If you own it, see: paas logs' };
  }
}

/** Says when an app that has crashed is started again, as far as that is known. */
export function explainCrash(
  startsAtMs: number | null,
  nowMs: number,
): Omit<PageFacts, 'status' | 'code' | 'requestId'> {
  const retryAfterS = startsAtMs === null ? 0 : Math.ceil((startsAtMs - nowMs) / 1000);
  if (retryAfterS < 1) return explain('H10');
  const wait = retryAfterS < 100 ? `${retryAfterS} s` : `${Math.ceil(retryAfterS / 60)} min`;
  const text = `It is started again in ${wait}. If you own it, see: paas logs`;
  return { ...explain('H10'), text, retryAfterS };
}

export function unknownHost(hostname: string): Pick<PageFacts, 'title' | 'text'> {
  return { title: 'There is no app here', text: `No app on this platform has the name ${hostname}.` };
}

/**
 * Renders the page in the form that the Accept header asks for: HTML for browsers, JSON for programs that ask for it,
 * one line of text otherwise.
 */
export function renderPage(facts: PageFacts, accept: string | undefined): Page {
  if (accept && /\btext\/html\b/i.test(accept)) return page('text/html; charset=utf-8', html(facts));
  if (accept && /\bapplication\/(?:[\w.]+\+)?json\b/i.test(accept)) return page('application/json', json(facts));
  return page('text/plain; charset=utf-8', `${facts.title}. ${facts.text}${reference(facts, ' (', ')')}\n`);
}

function page(contentType: string, text: string): Page {
  return { contentType, body: Buffer.from(text) };
}

function json({ status, code, title, text, requestId }: PageFacts): string {
  return `${JSON.stringify({ id: code ?? String(status), message: `${title}. ${text}`, request_id: requestId })}\n`;
}

function reference({ code, requestId }: PageFacts, before: string, after: string): string {
  const parts = [code, requestId === null ? null : `request ${requestId}`].filter((part) => part !== null);
  return parts.length === 0 ? '' : `${before}${parts.join(', ')}${after}`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function html(facts: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(facts.title)}</title>
<style>
  :root { color-scheme: light dark; --ink: #1f2430; --soft: #6b7280; --paper: #f7f7f5; --line: #d9d9d4 }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8e8e3; --soft: #9aa0ab; --paper: #16181d; --line: #33363e } }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink);
    font: 17px/1.55 system-ui, sans-serif }
  main { max-width: 34rem; padding: 2rem }
  p.status { margin: 0; color: var(--soft); font-variant-numeric: tabular-nums }
  h1 { margin: .25rem 0 .75rem; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.01em }
  p { margin: 0 }
  small { display: block; margin-top: 2rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--soft);
    font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
</style>
<main>
  <p class="status">${facts.status} ${escapeHtml(STATUS_CODES[facts.status] ?? 'Error')}</p>
  <h1>${escapeHtml(facts.title)}</h1>
  <p>${escapeHtml(facts.text)}</p>
  ${reference(facts, '<small>', '</small>')}
</main>
</html>
`;
}
