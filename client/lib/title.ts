/*
 * A ticket has one title, as its seller wrote it. Many write "Event, place, date: seat"; shown in
 * its parts such a title is easier to read. Any other is shown whole, as the name.
 */
export interface TitleParts {
  name: string; // "The Paper Lanterns"
  where: string; // "Tivoli Hall, Copenhagen, 12 March"; or ""
  seat: string; // "Stalls, row C, seat 14"; or ""
}

/* What stands by itself begins with a capital. */
function capital(text: string): string {
  return text.replace(/^\p{Ll}/u, letter => letter.toUpperCase());
}

export function titleParts(title: string): TitleParts {
  const colon = title.indexOf(': ');
  const event = colon < 0 ? title : title.slice(0, colon);
  const seat = colon < 0 ? '' : capital(title.slice(colon + 2).trim());
  const comma = event.indexOf(', ');
  if (comma < 0) return { name: event, where: '', seat };
  return { name: event.slice(0, comma), where: event.slice(comma + 2).trim(), seat };
}
