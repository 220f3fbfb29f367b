/* The first language of an Accept-Language header that Intl knows; American English for none. */
export function readerLanguage(header: string | null): string {
  for (const part of (header ?? '').split(',')) {
    const tag = part.split(';')[0]!.trim();
    try {
      if (Intl.NumberFormat.supportedLocalesOf(tag).length > 0) return tag;
    } catch {
      // no language tag: "*", or nonsense
    }
  }
  return 'en-US';
}
