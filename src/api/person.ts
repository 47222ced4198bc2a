/** An account as answers name it. One that is gone keeps its id. */
export function person(id: string, email: string | null): { readonly id: string; readonly email: string } {
  return { id, email: email ?? 'paas' };
}
