-- Every value of another type.
UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET start = 'soon', end = x'00', demangledName = 1e300, deviceId = NULL;
UPDATE StringIds SET value = x'ff00fe';
UPDATE NVTX_EVENTS SET text = 7, textId = 'x', jsonText = '{"a":[[[[', eventType = 1e9;
UPDATE META_DATA_EXPORT SET value = NULL;
