/**
 * The H-codes of Heroku that this resolver can give (devcenter, "Heroku Error Codes"): the status that is logged, and
 * the log line's text.
 */
export const hCodes = {
  H10: { status: 503, desc: 'App crashed' },
  H11: { status: 503, desc: 'Backlog too deep' },
  H12: { status: 503, desc: 'Request timeout' },
  H13: { status: 503, desc: 'Connection closed without response' },
  H14: { status: 503, desc: 'No web processes running' },
  H15: { status: 503, desc: 'Idle connection' },
  H17: { status: 503, desc: 'Poorly formatted HTTP response' },
  H18: { status: 503, desc: 'Server request interrupted' },
  H19: { status: 503, desc: 'Backend connection timeout' },
  H20: { status: 503, desc: 'App boot timeout' },
  H21: { status: 503, desc: 'Backend connection refused' },
  H22: { status: 503, desc: 'Connection limit reached' },
  H25: { status: 431, desc: 'HTTP restriction' },
  H26: { status: 400, desc: 'Request error' },
  H27: { status: 499, desc: 'Client request interrupted' },
  H28: { status: 499, desc: 'Client connection idle' },
  H80: { status: 503, desc: 'Maintenance mode' },
  H81: { status: 503, desc: 'Blank app' },
  H99: { status: 503, desc: 'Platform error' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly desc: string }>>;

export type HCode = keyof typeof hCodes;
