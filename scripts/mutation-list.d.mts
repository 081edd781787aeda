export interface Mutation {
  readonly name: string;
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[];
  readonly test: { readonly vitest: string } | { readonly reliability: readonly string[] };
}

export const MUTATIONS: readonly Mutation[];
