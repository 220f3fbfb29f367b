/* Where our server finds the API: the edge. */
export const API_URL = process.env.API_URL || 'http://127.0.0.1:8080';
