-- Reviews of unmatched pendings.
select 1;
