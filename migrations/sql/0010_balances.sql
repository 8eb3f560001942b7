-- Balance snapshots and recurring streams.
select 1;
