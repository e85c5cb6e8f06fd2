/* SPDX-License-Identifier: MIT */
#include "tracedb/file_format.h"

#include "tracedb/derived.h"
#include "tracedb/nsys_schema.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { HEAD_BYTES = 256, SQLITE_HEAD_BYTES = 100, APPLICATION_ID_OFFSET = 68 };

static const char SQLITE_MAGIC[16] = "SQLite format 3";

static uint32_t big_endian_32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/*
 * SQLite fills a last page that is cut short with zeros and reads on; for a trace that would be a
 * silent loss. Offsets: the database header of SQLite's file format. A journal beside the file may
 * hold the rest.
 */
static bool sqlite_is_whole(const char *path, const unsigned char *head, int64_t file_bytes,
			    struct error *error)
{
	enum { PAGE_SIZE = 16, CHANGE_COUNTER = 24, PAGE_COUNT = 28, VALID_FOR = 92 };
	int64_t page_bytes = head[PAGE_SIZE] << 8 | head[PAGE_SIZE + 1];
	if (page_bytes == 1)
		page_bytes = 65536;
	int64_t whole_bytes = page_bytes * big_endian_32(head + PAGE_COUNT);
	char journal[4096];
	struct stat status;
	int length = snprintf(journal, sizeof journal, "%s-wal", path);
	bool has_journal = length > 0 && (size_t)length < sizeof journal &&
			   stat(journal, &status) == 0 && status.st_size > 0;
	if (has_journal || memcmp(head + CHANGE_COUNTER, head + VALID_FOR, 4) != 0 ||
	    file_bytes >= whole_bytes)
		return true;
	return fail(error, ERROR_INPUT, "'%s' is cut off: %lld of %lld bytes", path,
		    (long long)file_bytes, (long long)whole_bytes);
}

static bool head_read(const char *path, unsigned char *head, size_t *size, int64_t *file_bytes,
		      struct error *error)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return fail(error, ERROR_INPUT, "cannot open '%s': %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return fail(error, ERROR_INPUT, "'%s' is a folder", path);
	/* Traces are read more than once, and opening a pipe could wait for ever. */
	if (!S_ISREG(status.st_mode))
		return fail(error, ERROR_INPUT,
			    "'%s' is a pipe or a device: traces must be regular files", path);
	*file_bytes = status.st_size;
	FILE *file = fopen(path, "rbe");
	if (file == NULL)
		return fail(error, ERROR_INPUT, "cannot open '%s': %s", path, strerror(errno));
	*size = fread(head, 1, HEAD_BYTES, file);
	bool is_broken = ferror(file) != 0;
	(void)fclose(file);
	if (is_broken)
		return fail(error, ERROR_INPUT, "cannot read '%s': %s", path, strerror(errno));
	if (*size > 0)
		return true;
	size_t length = strlen(path);
	bool is_database = length > 3 && strcmp(path + length - 3, ".db") == 0;
	return fail(error, ERROR_INPUT, "'%s' is empty%s", path,
		    is_database ? ": was the program still starting?" : "");
}

/* Nsight Systems marks its exports by their tables only. */
static bool is_nsys_export(const char *path, bool *is_nsys, struct error *error)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	bool ok = false;
	*is_nsys = false;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
		    SQLITE_OK ||
	    sqlite3_prepare_v2(
		    db,
		    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND (name IN "
		    "('StringIds', 'META_DATA_EXPORT', 'EXPORT_META_DATA') OR "
		    "name LIKE 'CUPTI\\_ACTIVITY\\_KIND\\_%' ESCAPE '\\')",
		    -1, &statement, NULL) != SQLITE_OK ||
	    sqlite3_step(statement) != SQLITE_ROW) {
		(void)fail(error, ERROR_INPUT, "cannot read '%s': %s: truncated or damaged?", path,
			   db == NULL ? "no memory" : sqlite3_errmsg(db));
		goto out;
	}
	*is_nsys = sqlite3_column_int(statement, 0) > 0;
	ok = true;
out:
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return ok;
}

/*
 * What the JSON of `laggard analyze` and `laggard diff`, and what `laggard export` writes, begins
 * with. They often lie beside the traces, and a timeline read as a trace would count all work
 * twice.
 */
static bool is_result(const char *text)
{
	return strncmp(text, "{\"format\":\"laggard-report\"", 26) == 0 ||
	       strncmp(text, "{\"format\":\"laggard-diff\"", 24) == 0 ||
	       strstr(text, "\"metadata\":{\"tool\":\"laggard\"") != NULL;
}

/* Of a JSON text, perhaps packed. What cannot be unpacked is left to the importer to tell. */
static bool file_is_result(const char *path)
{
	char text[HEAD_BYTES + 1] = "";
	gzFile file = gzopen(path, "rbe");
	if (file == NULL)
		return false;
	int got = gzread(file, text, HEAD_BYTES);
	text[got > 0 ? got : 0] = 0;
	(void)gzclose(file);
	return is_result(text);
}

bool file_format_of(const char *path, enum file_format *format, struct error *error)
{
	unsigned char head[HEAD_BYTES];
	size_t size = 0;
	int64_t file_bytes = 0;
	*format = FILE_FORMAT_UNKNOWN;
	if (!head_read(path, head, &size, &file_bytes, error))
		return false;
	if (size >= sizeof SQLITE_MAGIC && memcmp(head, SQLITE_MAGIC, sizeof SQLITE_MAGIC) == 0) {
		if (size < SQLITE_HEAD_BYTES)
			return fail(error, ERROR_INPUT, "'%s' is cut off after %zu bytes", path,
				    size);
		if (!sqlite_is_whole(path, head, file_bytes, error))
			return false;
		uint32_t application_id = big_endian_32(head + APPLICATION_ID_OFFSET);
		if (application_id == TRACEDB_APPLICATION_ID ||
		    application_id == DERIVED_APPLICATION_ID) {
			*format = application_id == TRACEDB_APPLICATION_ID ? FILE_FORMAT_TRACE :
				FILE_FORMAT_ANALYSIS;
			return true;
		}
		bool is_nsys = application_id == NSYS_OWN_ID;
		if (is_nsys) {
			*format = FILE_FORMAT_NSYS_OWN;
			return true;
		}
		if (!is_nsys_export(path, &is_nsys, error))
			return false;
		*format = is_nsys ? FILE_FORMAT_NSYS : FILE_FORMAT_SQLITE;
		return true;
	}
	size_t at = 0;
	if (size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		at = 3;	/* byte order mark */
	while (at < size &&
	       (head[at] == ' ' || head[at] == '\n' || head[at] == '\r' || head[at] == '\t'))
		at++;
	if ((size >= 2 && head[0] == 0x1f && head[1] == 0x8b) ||
	    (at < size && (head[at] == '{' || head[at] == '[')))
		*format = file_is_result(path) ? FILE_FORMAT_RESULT : FILE_FORMAT_KINETO;
	return true;
}
