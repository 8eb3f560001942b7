-- Data keys and the intents of token rotation.
select 1;
