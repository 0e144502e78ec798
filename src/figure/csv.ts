/**
 * A table as CSV (RFC 4180, line feeds, header first). Null is an empty field; a field with a comma, quote or line break
 * is quoted. A text that a spreadsheet would take for a formula gets an apostrophe in front, so that opening a stranger's
 * table never runs anything.
 */
export function csvTable(
  columns: readonly string[],
  rows: readonly (readonly (string | number | boolean | null)[])[],
): string {
  return [columns, ...rows].map((row) => `${row.map(field).join(",")}\n`).join("");
}

function field(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
