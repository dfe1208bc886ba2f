/** A statement of an IAM policy, as far as the policies in certfleet's reference use the language. */
export interface PolicyStatement {
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<
    Partial<Record<'StringLike' | 'StringEquals', Readonly<Record<string, string | readonly string[]>>>>
  >;
}

/** What IAM knows of a call. */
export interface PolicyRequest {
  readonly action: string;
  /** `*` if the action has none. */
  readonly resource: string;
  /** `aws:RequestTag/certfleet:name`… */
  readonly keys: Readonly<Record<string, string>>;
}

export const allows = (policy: readonly PolicyStatement[], { action, resource, keys }: PolicyRequest): boolean =>
  policy.some(
    ({ Action, Resource, Condition = {} }) =>
      listOf(Action).includes(action) &&
      listOf(Resource).some((one) => one === '*' || isLike(one, resource)) &&
      Object.entries(Condition).every(([operator, wanted]) =>
        Object.entries(wanted ?? {}).every(([key, values]) =>
          listOf(values).some((one) => {
            const value = keys[key];
            if (value === undefined) return false;
            return operator === 'StringLike' ? isLike(one, value) : one === value;
          }),
        ),
      ),
  );

const listOf = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

const isLike = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replace(/[\\^$.+?()[\]{}|]/g, '\\$&').replaceAll('*', '.*')}$`).test(text);

/** The policy in the notes of an adapter, which users copy. */
export function policyIn(notes: string | undefined): readonly PolicyStatement[] {
  const json = /```json\n([^`]+)```/.exec(notes ?? '')?.[1] ?? '';
  return (JSON.parse(json) as { readonly Statement: readonly PolicyStatement[] }).Statement;
}
