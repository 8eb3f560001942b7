-- Link sessions and their intents.
select 1;
