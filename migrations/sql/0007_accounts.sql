-- Closed, de-selected and re-linked accounts, and purges.
select 1;
