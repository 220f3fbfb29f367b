/* Where a page was asked to send its reader on: a path of ours, never another site's. */
export function nextPath(value: string | string[] | undefined): string {
  if (typeof value !== 'string' || !/^\/(?![/\\])[^\\\s]*$/.test(value)) return '/';
  return value.startsWith('/auth/') || value.startsWith('/api/') ? '/' : value;
}
