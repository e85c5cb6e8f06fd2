-- Schemas that name themselves, and payloads that claim more than they hold.
UPDATE NVTX_PAYLOAD_SCHEMA_ENTRIES SET type = schemaId, arrayOrUnionDetail = 9223372036854775807;
UPDATE NVTX_PAYLOAD_SCHEMAS SET payloadSize = -1, numEntries = 9223372036854775807, alignTo = 0;
UPDATE NVTX_EVENTS SET binaryData = substr(binaryData, 1, 20 + rowid * 3);
