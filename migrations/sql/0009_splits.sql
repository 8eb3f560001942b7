-- Splits and category rules.
select 1;
