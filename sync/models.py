"""placeholder until the tables below are written"""

from sqlalchemy import MetaData

metadata = MetaData()
