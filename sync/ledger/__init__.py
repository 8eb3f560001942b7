"""What users and their rules say: edits, splits, categories, rules, budgets, reviews, households; and totals."""
