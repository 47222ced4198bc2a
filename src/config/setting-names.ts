/** `PAAS_HTTP_PORT` for `http_port`. */
export function environmentName(name: string): string {
  return `PAAS_${name.toUpperCase()}`;
}

/** `--http-port` for `http_port`. */
export function flagName(name: string): string {
  return `--${name.replaceAll('_', '-')}`;
}
