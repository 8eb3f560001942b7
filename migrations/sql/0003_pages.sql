-- Plaid's raw pages, kept encrypted.
select 1;
