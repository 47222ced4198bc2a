import assert from 'node:assert/strict';
import type { Artifact } from '../../src/domain/build.ts';
import type { BuilderFixture } from './builder-fixture.ts';

export interface SiteAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** The name in lower case and the value of every field, in their order. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
}

export interface SiteOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A Python program that runs beside the site. */
  readonly beside?: string;
}

/** The address of a path, as an argument for curl. */
export const at = (path: string) => [`http://localhost:5000${path}`];

/** Starts the site like an instance and sends requests from inside; each request is a list of arguments for curl. */
export async function askSite(
  fixture: BuilderFixture,
  artifact: Artifact,
  requests: readonly (readonly string[])[],
  { env = {}, beside = '' }: SiteOptions = {},
): Promise<readonly SiteAnswer[]> {
  const script = `${artifact.launcher} web >&2 & server=$!
    [[ -z $BESIDE ]] || { python3 -c "$BESIDE" & }
    for try in $(seq 100); do curl -so /dev/null localhost:5000 && break; sleep 0.05; done
    while IFS= read -r line; do eval "curl -si --raw $line"; printf '\\n\\0'; done <<<"$REQUESTS"
    kill -TERM $server; wait $server; echo "ended with $?" >&2; kill $(jobs -p) 2>/dev/null`;
  const lines = requests.map((words) => words.map((word) => `'${word}'`).join(' ')).join('\n');
  const { stdout, stderr } = await fixture.run(artifact.imageId, ['bash', '-c', script], {
    env: { ...env, PORT: '5000', REQUESTS: lines, BESIDE: beside },
  });
  assert.match(stderr, /ended with 0/);
  return stdout.split('\n\0').slice(0, -1).map(parse);
}

function parse(text: string): SiteAnswer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [status = '', ...lines] = head.split('\r\n');
  const fields = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(status.split(' ')[1]),
    headers: new Map(fields),
    fields,
    body: body.join('\r\n\r\n').replace(/\n$/, ''),
  };
}
