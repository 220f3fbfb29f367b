import coreWebVitals from 'eslint-config-next/core-web-vitals';
import typescript from 'eslint-config-next/typescript';

const config = [
  { ignores: ['.next/**', 'next-env.d.ts'] },
  ...coreWebVitals,
  ...typescript,
  { rules: { 'react/forbid-dom-props': ['error', { forbid: ['style'] }] } }, // the CSP forbids them
];

export default config;
