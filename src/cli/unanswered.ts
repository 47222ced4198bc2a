import { PlatformError, type PlatformErrorOptions } from '../domain/errors.ts';

/** A request without a whole answer. */
export class UnansweredError extends PlatformError {
  /** True when the server may have read the request, and so may have done what it asks. */
  readonly sent: boolean;

  constructor(
    code: 'unavailable' | 'timeout',
    message: string,
    { sent, ...options }: PlatformErrorOptions & { readonly sent: boolean },
  ) {
    super(code, message, options);
    this.name = 'UnansweredError';
    this.sent = sent;
  }
}
