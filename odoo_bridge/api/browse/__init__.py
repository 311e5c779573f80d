"""The API as pages: what a browser sees at the addresses of the API.

JSON is the answer for every client that does not ask for HTML. A page is made from the data of that
answer and from the schema, so that a new route has its page, its forms and its links without a line
here.
"""
