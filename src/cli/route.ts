import type { Contract } from '../api/contract.ts';

/**
 * The contract's endpoints by method and path, as the API's documentation names them. Only the types are imported: loading
 * the table and its schemas would cost every command 35 ms, and the server has checked its answers.
 */
export type Endpoints = {
  [Id in keyof Contract as Contract[Id] extends { readonly stream: string }
    ? never
    : `${Contract[Id]['method']} ${Contract[Id]['path']}`]: Contract[Id];
};
export type Route = keyof Endpoints;
