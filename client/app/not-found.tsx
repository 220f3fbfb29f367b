import type { Metadata } from 'next';

import { ButtonLink } from '@/components/button';
import { Empty } from '@/components/empty';

export const metadata: Metadata = { title: 'Not found' };

export default function NotFound() {
  return (
    <div className="wrap">
      <h1 className="visually-hidden">Not found</h1>
      <Empty icon="search" title="There is nothing here">
        <p>The address is wrong, or what it named does not exist any more.</p>
        <ButtonLink href="/">See what is for sale</ButtonLink>
      </Empty>
    </div>
  );
}
