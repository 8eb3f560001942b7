-- How fresh each bank is.
select 1;
