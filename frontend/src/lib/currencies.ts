/** Currency codes to choose from: those in use first, then every other that the browser knows. */
export function currencyChoices(inUse: readonly string[]): string[] {
  return [...new Set([...inUse, ...Intl.supportedValuesOf("currency")])];
}

/** The currencies of a person, most used first; never empty. */
export function currenciesInUse(
  counts: Readonly<Record<string, { count: number }>>,
  accounts: readonly (string | null)[],
): string[] {
  const ofMonth = Object.entries(counts).sort(([, a], [, b]) => b.count - a.count);
  const known = [...ofMonth.map(([currency]) => currency), ...accounts.filter((currency) => currency !== null)];
  return known.length > 0 ? [...new Set(known)] : ["USD"];
}
