/** An account in an answer. `email` is null when the account is gone. */
export function person(id: string, email: string | null): { readonly id: string; readonly email: string } {
  return { id, email: email ?? 'paas' };
}
