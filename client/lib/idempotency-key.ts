/* A key that nobody else has, for one attempt. (randomUUID is not there on plain http.) */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/* The key of what is sent: the same again has the same one, for as long as `keys` are kept. */
export function keyOf(keys: Map<string, string>, content: unknown): string {
  const text = JSON.stringify(content);
  const key = keys.get(text) ?? newKey();
  keys.set(text, key);
  return key;
}
