/* A stub, torn along its perforation. app/icon.svg is the same drawing. */
export function Logo() {
  return (
    <svg width="34" height="34" viewBox="0 0 34 34" aria-hidden="true">
      <rect width="34" height="34" rx="9" fill="#c0331c" />
      <path
        d="M7 11h20v4a2 2 0 0 0 0 4v4H7v-4a2 2 0 0 0 0-4z"
        fill="#fff"
        transform="rotate(-12 17 17)"
      />
      <path d="M20.2 10.2l3 14" stroke="#c0331c" strokeWidth="1.6" strokeDasharray="2 1.7" />
    </svg>
  );
}
