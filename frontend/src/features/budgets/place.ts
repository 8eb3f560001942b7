/** Where the budgets are: the person's own, or a household's, which every member may change. */
export function budgetsAt(household: string | null): string {
  return household === null ? "/api/budgets" : `/api/households/${encodeURIComponent(household)}/budgets`;
}
