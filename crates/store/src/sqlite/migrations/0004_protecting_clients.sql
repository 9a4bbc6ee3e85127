-- The clients that are the API of some resource: a few among very many.
CREATE INDEX client_that_protects ON client (client_id)
    WHERE json_array_length(metadata, '$.protects') > 0;
