/** Tables that a visitor saves. */

type Cell = string | number | null;

/** A cell of a table (RFC 4180). Text that a spreadsheet would run as a formula is marked as text. */
function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Rows as comma-separated text, the names of the columns first. */
export function csvOf(columns: string[], rows: Cell[][]): string {
  return [columns, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Let the browser save a table as a file. */
export function saveCsv(name: string, columns: string[], rows: Cell[][]): void {
  const address = URL.createObjectURL(new Blob([csvOf(columns, rows)], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // the browser has begun to read it when this turn is over, and holds it until it is saved
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
