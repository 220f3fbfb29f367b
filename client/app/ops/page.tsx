import type { Metadata } from 'next';

import { Dashboard } from '@/components/ops/dashboard';
import { apiGet } from '@/lib/api';
import { adminOnly } from '@/lib/ops/admin-only';
import type { Overview } from '@/lib/ops/types';

export const metadata: Metadata = { title: 'Operations' };

export default async function OpsPage() {
  await adminOnly('/ops');
  const answer = await apiGet<Overview>('/api/ops/overview');
  return <Dashboard initial={answer.kind === 'ok' ? answer.data : null} />;
}
