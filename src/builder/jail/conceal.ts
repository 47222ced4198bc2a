import type { ConfigVars } from '../../domain/config-vars.ts';

const secretName = /KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH|PRIVATE|DSN|URL|URI|CONN/i;
const shortestSecret = 8;

/** Limit of the secrets, counting every line in every encoding: each costs time at every line of output. */
const maxForms = 3_000;
/** Up to this number, every line is searched for each secret in turn. */
const fewForms = 100;

/**
 * Replaces the values of config vars that look like secrets by `[NAME]`, also in Base64 and URL encoding: more people read
 * a build's output than its config. Values below 8 characters are left alone, because they may be part of ordinary words.
 */
export function concealer(config: ConfigVars): (line: string) => string {
  const names = new Map<string, string>();
  for (const [name, value] of Object.entries(config)) {
    if (!secretName.test(name)) continue;
    for (const line of value.split('\n')) for (const form of formsOf(line.trim())) names.set(form, name);
  }
  // Longer secrets first: a shorter one inside would be replaced and the rest shown.
  const secrets = [...names].sort(([a], [b]) => b.length - a.length).slice(0, maxForms);
  const conceal = (text: string, [secret, name]: readonly [string, string]) => text.replaceAll(secret, `[${name}]`);
  if (secrets.length <= fewForms) return (line) => secrets.reduce(conceal, line);
  const beginnings = new Set(secrets.map(([secret]) => secret.slice(0, shortestSecret)));
  return (line) => {
    const present = new Set<string>();
    for (let at = 0; at + shortestSecret <= line.length; at++) {
      const beginning = line.slice(at, at + shortestSecret);
      if (beginnings.has(beginning)) present.add(beginning);
    }
    if (present.size === 0) return line;
    return secrets.filter(([secret]) => present.has(secret.slice(0, shortestSecret))).reduce(conceal, line);
  };
}

function formsOf(value: string): readonly string[] {
  if (value.length < shortestSecret) return [];
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
  return [value, base64, encodeURIComponent(value.toWellFormed())];
}
