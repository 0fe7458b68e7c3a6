-- Chunks wait in queues: those of the fleet by model, as all did before; those of live calls by their backend.
DROP INDEX chunks_open;
ALTER TABLE chunks RENAME COLUMN model TO queue;
UPDATE chunks SET queue = 'fleet/' || queue;
CREATE INDEX chunks_open ON chunks (queue, created_ms, submission, place) WHERE open = 1;

ALTER TABLE served RENAME COLUMN model TO queue;
UPDATE served SET queue = 'fleet/' || queue;
