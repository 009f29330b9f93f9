DROP FUNCTION model_routes_at(timestamptz);
DROP VIEW model_history;
